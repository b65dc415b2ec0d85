"""Scenes with instance labels: photos, ids, cameras."""
