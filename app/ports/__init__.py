"""What the services ask of the world: promises only. `app/adapters` keeps them, and one suite of tests holds them all.
