// SyncRounds
