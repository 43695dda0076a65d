"""Growth: the signal, how newborns are made (``rules``) and calibrated, what they are worth, when and how many, the graft."""
