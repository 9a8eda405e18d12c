"""Written sets and what reads them."""
