// SimulateCommand
