"""Who is trained when: ``task_aware`` is told when a task begins; ``task_free`` and ``by_feedback`` have to notice."""
