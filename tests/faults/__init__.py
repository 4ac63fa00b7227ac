"""Real processes, broken on purpose: scenarios over a small fleet of which every process is known by its pid."""
