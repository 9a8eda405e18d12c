"""`python -m console`: serve until SIGTERM. `leadline web` becomes this."""

from console.server import main

if __name__ == "__main__":
    main()
