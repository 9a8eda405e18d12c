"""HTTP, browser and operator pages. Nothing yet."""
