"""Recipes that make the base image of all machines, and the cache that keeps what they made."""

from .cache import Image, ImageCache, default_cache_dir
from .debian import DEFAULT_SUITE, DebianRecipe

__all__ = ["DEFAULT_SUITE", "DebianRecipe", "Image", "ImageCache", "default_cache_dir"]
