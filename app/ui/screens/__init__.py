"""The screens: one module each, with a blueprint `routes`. They are put together in `app/ui/menu.py`."""
