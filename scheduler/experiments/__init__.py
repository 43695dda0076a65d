"""Experiments: many runs that differ in some fields, in one folder, by one process or many, here or on a cluster.

``plan`` is what the file of an experiment says, ``design`` the runs that it stands for, ``drive`` sees them through.
"""
