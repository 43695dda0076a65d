"""Who is trained when: ``task_aware`` is told when a task begins, ``task_free`` has to notice."""
