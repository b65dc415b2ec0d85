"""How good a result is: average precision, consistency over views, errors of depth and cameras."""
