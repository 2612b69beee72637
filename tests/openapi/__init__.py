"""The OpenAPI documents of the services: written, compared, and tried on the services themselves."""
