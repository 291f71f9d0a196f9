"""Why a design is what it is: statements derived from a run's records, and checks of statements that others make."""
