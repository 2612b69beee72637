"""The membership authority: holds the issuer key, issues credentials, and keeps the public join log."""
