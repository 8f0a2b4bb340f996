"""Query string to typed query, resource to index values. Pure: no session, no SQL."""
