import Primitives

/// What stands on a hub, with its objects in our store.
struct HubReading {
    let hub: HubGit
    let cancellation: Cancellation

    /// The two refs as they stand there; what they reach is in the store, verified, and pinned.
    struct Refs: Hashable, Sendable {
        var head: Revision?
        var fence: Revision?
    }

    private var store: Store { hub.store }
    private var branch: HubRef { .branch(hub.address.branch) }
    private var fence: HubRef { .fence(hub.address.branch) }

    /// One `fetch` of the refs by name. It fails if one of them is missing: then the hub is asked for all its refs.
    func refs(withFence: Bool) throws(GitError) -> Refs {
        let wanted = [branch] + (withFence ? [fence] : [])
        var refs = try fetch(wanted)
        if refs == nil {
            let there = try listed()
            let present = wanted.filter { ref in there.contains { $0.name == "\(ref)" } }
            refs = present.isEmpty ? Refs() : try fetch(present)
        }
        guard let refs else {
            throw GitError(
                .failed(status: 0), message: "the hub changed while it was read", meaning: "a ref vanished",
                hint: "it is read again")
        }
        return refs
    }

    /// Nil if git failed, for whatever reason.
    private func fetch(_ wanted: [HubRef]) throws(GitError) -> Refs? {
        let quarantine = try Quarantine(store)
        defer { quarantine.remove() }
        let result = try hub.git(over: quarantine.git).runBlocking(
            [
                "fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--no-recurse-submodules",
                "--no-show-forced-updates",
            ] + hub.reading + [hub.address.url] + wanted.map { "\($0)" }, accepting: Array(0...255),
            deadline: Limits.hubDeadline,
            cancellation: cancellation)
        guard result.status == 0, let bytes = DurableFile.read(store.path + "/FETCH_HEAD") else { return nil }
        let refs = parse(bytes)
        let transfer = PackTransfer(store: store, cancellation: cancellation, deadline: Limits.hubDeadline)
        var changes: [RefChange] = []
        for (revision, name) in [(refs.head, hub.names.head), (refs.fence, hub.names.fence)] {
            guard let revision else { continue }
            if try !store.has(revision) { try transfer.adopt(quarantine, want: revision) }
            changes.append(RefChange(name: name, new: ObjectID(revision)))
        }
        try store.update(changes)
        return refs
    }

    /// Lines `ID <tab> mark <tab> branch 'NAME' of URL`, or `'REF' of URL` for a ref that is no branch.
    private func parse(_ bytes: [UInt8]) -> Refs {
        var refs = Refs()
        for line in bytes.split(separator: 10) {
            let parts = line.split(separator: 9, maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let revision = Revision(hex: String(decoding: parts[0], as: UTF8.self))
            let what = String(decoding: parts[2], as: UTF8.self)
            if what.hasPrefix("branch '\(hub.address.branch)' of ") { refs.head = revision }
            if what.hasPrefix("'\(fence)' of ") { refs.fence = revision }
        }
        return refs
    }

    /// Every ref of the hub; the long way, for a hub that lacks one that is wanted.
    func listed() throws(GitError) -> [(name: String, id: ObjectID)] {
        let result = try hub.git(over: store.git).runBlocking(
            ["ls-remote", "--quiet", "--refs"] + hub.reading + [hub.address.url], accepting: Array(0...255),
            deadline: Limits.hubDeadline, cancellation: cancellation)
        guard result.status == 0 else { throw hub.failure("ls-remote", result) }
        return result.output.split(separator: 10).compactMap { line in
            let parts = line.split(separator: 9, maxSplits: 1)
            guard parts.count == 2, let id = ObjectID(bytes: parts[0]) else { return nil }
            return (String(decoding: parts[1], as: UTF8.self), id)
        }
    }
}
