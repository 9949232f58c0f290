"""Routers that have learned, as one file: trained, saved and loaded without pickle, and asked about new queries.

`mmr train` and `mmr route` call it. What is in the file is said in `manifest`, how it is packed in `archive`.
"""
