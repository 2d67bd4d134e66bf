"""Sources: what fills the Store with the objects that people wrote, from wherever they wrote them."""
