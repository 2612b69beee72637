"""Jäger: finding the origin of an illegal call over encrypted call records."""
