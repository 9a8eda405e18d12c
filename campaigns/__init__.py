"""Who may be called, when and how often, and the one gate through which every call is dialled."""
