"""One translator per widget: session values to plain setters, user wishes to session calls."""
