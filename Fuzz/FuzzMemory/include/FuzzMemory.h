// Nothing to call: linked in, the functions take the place of jemalloc's.
