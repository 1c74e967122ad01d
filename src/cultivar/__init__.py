"""Cultivar: generate code from templates, prove it, learn from every outcome."""
