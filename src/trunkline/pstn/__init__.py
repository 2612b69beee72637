"""The telephone network as a model: carriers, subscribers, routes, calls, and who traces them."""
