"""Convolutional filters (IBSI part 2): from an image to a response map on the same grid."""
