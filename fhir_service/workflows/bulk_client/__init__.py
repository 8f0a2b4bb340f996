"""An export of another server, fetched into a folder: a client of Bulk Data Access 3.0.0 and SMART Backend Services.

The server is not trusted with more than its own data: where requests go, what files are called and how much is waited
for is decided here. `fetch_export` tells the whole from top to bottom.
"""
