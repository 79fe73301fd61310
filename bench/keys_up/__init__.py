"""Does any key stay down, whatever happens to `play`?"""
