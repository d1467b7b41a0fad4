import Primitives

/// git's own protocol over one stream, read-only: for a device that lacks what a thin pack builds on. Only refs of ours
/// are shown, and only what they reach is given.
struct UploadPack {
    let store: Store
    let cancellation: Cancellation
    let deadline: Duration

    func serve(_ descriptor: Int32) throws(GitError) {
        let seconds = max(1, deadline.components.seconds)
        _ = try store.git.runBlocking(
            ["upload-pack", "--strict", "--timeout=\(seconds)", store.path], from: .descriptor(descriptor),
            to: .descriptor(descriptor), deadline: deadline, cancellation: cancellation)
    }

    /// Fetches a revision (and what it reaches) from the `serve` at the other end.
    func fetch(_ want: Revision, over descriptor: Int32) throws(GitError) {
        let quarantine = try Quarantine(store)
        defer { quarantine.remove() }
        _ = try quarantine.git.runBlocking(
            [
                "-c", "protocol.fd.allow=always", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
                "--no-auto-maintenance", "--no-recurse-submodules", "--update-shallow", "fd::3", want.hex,
            ], extra: [descriptor], deadline: deadline, cancellation: cancellation)
        let transfer = PackTransfer(store: store, cancellation: cancellation, deadline: deadline)
        try transfer.adopt(quarantine, want: want)
    }
}
