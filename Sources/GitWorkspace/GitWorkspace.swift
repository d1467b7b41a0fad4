// GitWorkspace: everything that touches a workspace's files or runs git. Never: the user's index, hooks, configuration
// or refs, but for the fast-forward of their branch after a round; a decision about rounds, tokens or peers; a clock
// that anything depends on. Start with Workspace (what the agent calls), then Capturer, Merger, Applier and
// PackTransfer.
//
// Git/             git as a function: hermetic, with deadline, killed as a group
// Store/           our own bare repository, its refs, and the quarantine in which objects arrive
// Objects/         git objects made, read, compared and packed here, without a process; CZlib underneath
// Capture/         the working tree as a commit: scan, manifest (stat cache), stable reading, import
// Merge/           captures and head into one tree; conflicts as records
// Transfer/        packs and git's own protocol over a stream
// Apply/           stage, then exchange: the working tree made a revision, path by path
// Hub/             looks at the hub and fenced pushes to it
// UserRepository/  the user's own repository: read, and fast-forwarded
