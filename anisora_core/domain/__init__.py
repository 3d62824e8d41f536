"""The vocabulary every other module speaks. Imports nothing from the rest of the core."""
