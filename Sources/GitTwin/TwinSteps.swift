import GitWorkspace
import Primitives
import Simulation
import SyncRounds

// Each event of the model's git, done with real git.

extension Twin {
    func step(_ event: GitEvent, _ world: World) throws {
        let node = event.node
        switch event.what {
        case .captured(let round, let revision, let base):
            try capture(event, round, revision, base: base, world.versions(of: revision))
        case .received(let round, let revision, let from, let had, let staged):
            if had {
                try checkHas(node, revision)
            } else {
                try fetch(node, revision, from: from)
            }
            if staged || capturedBy[revision] == nil {
                try devices[node].store.stage(commit(revision), round: round)
            }
            try checkTree(node, revision, world.versions(of: revision), had ? "with what it had" : "after a fetch")
        case .cut(let revision, let from): try cut(node, revision, from: from, share: revision)
        case .merged(let round, let head, let captures, let revision, let conflicts):
            try merge(node, round, head, captures, revision, conflicts)
            try checkTree(node, revision, world.versions(of: revision), "after a merge")
        case .published(let revision):
            counts.published += 1
            try checkHas(node, revision)
            try devices[node].store.publish(commit(revision))
            devices[node].refs.main = try commit(revision)
        case .applied(let revision):
            counts.applied += 1
            try checkTree(node, revision, world.versions(of: revision), "after an apply")
            try devices[node].store.setBase(commit(revision))
            devices[node].refs.base = try commit(revision)
        case .crashed:
            // What was in memory is gone; the refs are compared with what they were.
            counts.reopened += 1
            devices[node].store.close()
            devices[node].store = try RoundStore.open(
                state: devices[node].state, device: devices[node].store.device)
        case .replaced:
            devices[node].store.close()
            RoundStore.removeFolder(devices[node].state)
            devices[node] = try newDevice(event.device)
        }
    }

    // MARK: Captures and merges

    /// So many seconds after 1970 every run begins.
    private static let dawn: Int64 = 1_767_225_600

    private func capture(
        _ event: GitEvent, _ round: RoundID, _ revision: Int, base: Int?, _ versions: [UInt32]
    ) throws {
        let device = devices[event.node].store
        var files = TwinFiles.files(versions)
        var gone = TwinFiles.gone(versions)
        if flaw == .dropsPath, !files.isEmpty { gone.append(files.removeFirst().path) }
        let commit = try device.capture(
            files, gone: gone, base: base.map(self.commit), round: round,
            seconds: Self.dawn + event.time.nanoseconds / 1_000_000_000)
        counts.captures += 1
        commits[revision] = commit
        capturedBy[revision] = event.device
        devices[event.node].refs.capture = commit
        try checkTree(event.node, revision, versions, "after a capture")
        if counts.captures % 16 == 0 { try device.maintain() }
    }

    private func merge(
        _ node: Int, _ round: RoundID, _ head: Int?, _ captures: [GitEvent.Capture], _ revision: Int, _ conflicts: Int
    ) throws {
        var given: [GitWorkspace.DeviceCapture] = []
        for capture in captures {
            given.append(
                GitWorkspace.DeviceCapture(
                    device: capture.device, revision: try commit(capture.revision),
                    base: try capture.base.map(commit)))
        }
        let result = try devices[node].store.merge(head: head.map(commit), captures: given, round: round)
        counts.merges += 1
        guard let result else {
            throw Difference(
                real: "real git of device \(node + 1) finds nothing to merge in round \(round)",
                model: "the model merges \(captures.count) captures into revision \(revision)")
        }
        let open = result.conflicts.count { $0.isOpen }
        counts.conflicts += open
        // Of a merge that changes nothing the model makes no revision of its own.
        if commits[revision] == nil { commits[revision] = result.revision }
        guard compares else { return }
        if try commit(revision) != result.revision {
            let (made, known) = (try devices[node].store.files(of: result.revision), try commit(revision))
            if try made != devices[node].store.files(of: known) {
                throw Difference(
                    real: "the merge of round \(round) gives another tree than \(known.short)",
                    model: "the model says that it changes nothing")
            }
        }
        if (open > 0) != (conflicts > 0) {
            throw Difference(
                real: "the merge of round \(round) on device \(node + 1) has \(open) open conflicts",
                model: "the model counts \(conflicts)")
        }
    }

    // MARK: Transfers

    private func checkHas(_ node: Int, _ revision: Int) throws {
        guard try !devices[node].store.has(commit(revision)) else { return }
        throw Difference(
            real: "device \(node + 1) lacks commit \(try commit(revision).short)",
            model: "the model says that revision \(revision) is there")
    }

    /// One pack from store to store. Every fourth is first cut somewhere on its way.
    private func fetch(_ node: Int, _ revision: Int, from: Int) throws {
        if counts.packs % 4 == 3 { try cut(node, revision, from: from, share: counts.packs) }
        let want = try commit(revision)
        var pack = try devices[from].store.pack(want: want, have: devices[node].store.haves())
        counts.packs += 1
        if flaw == .cutsSilently, counts.packs % 3 == 0 { pack.removeLast(pack.count / 2) }
        let owner = capturedBy[revision]
        try devices[node].store.receive(pack, want: want, captureOf: owner)
        if owner == devices[node].store.device { devices[node].refs.capture = want }
        try checkHas(node, revision)
    }

    /// A stream that ends early leaves the store as it was: no ref moved, no object of it to be had, no file left.
    private func cut(_ node: Int, _ revision: Int, from: Int, share: Int) throws {
        let store = devices[node].store
        let want = try commit(revision)
        if try store.has(want) { return }
        let pack = try devices[from].store.pack(want: want, have: store.haves())
        let before = try store.everyRef()
        let length = pack.count * (share &* 389 % 997) / 997
        counts.cuts += 1
        let taken = try takes(store, Array(pack.prefix(length)), want, captureOf: capturedBy[revision])
        var wrong = taken ? "is taken for whole" : nil
        if try store.has(want) { wrong = "leaves commit \(want.short)" }
        if try store.everyRef() != before { wrong = "moves a ref" }
        if !store.leftovers.isEmpty { wrong = "leaves \(store.leftovers[0])" }
        guard let wrong else { return }
        throw Difference(
            real: "a stream to device \(node + 1), cut after \(length) of \(pack.count) bytes, \(wrong)",
            model: "the model says that nothing arrived")
    }

    private func takes(
        _ store: RoundStore, _ bytes: [UInt8], _ want: Revision, captureOf device: DeviceID?
    ) throws -> Bool {
        do throws(GitError) {
            try store.receive(bytes, want: want, captureOf: device)
            return true
        } catch {
            // Only a damaged or short pack is what was to be shown; a git that cannot start or hangs is not.
            switch error.kind {
            case .failed, .damaged: return false
            case .missing, .tooOld, .cannotStart, .timedOut, .cancelled: throw error
            }
        }
    }
}
