"""How fast the engines are: beside other libraries, by threads and sizes, and against what is possible."""
