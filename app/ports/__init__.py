"""What the services ask of the world: promises only. One suite of tests holds every adapter to them."""
