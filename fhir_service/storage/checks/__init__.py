"""Whether what is stored fits together: walks through the whole store, a page at a time, that only read."""
