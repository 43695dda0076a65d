"""Growth: the signal, how newborns are made (``rules``), what they are worth, when and how many."""
