import Primitives

/// One look at a hub: its refs, and how they are related to what the mesh published.
struct HubLooking {
    let store: Store
    let mesh: MeshID
    let device: DeviceID

    func report(_ look: HubLook, _ refs: HubReading.Refs) throws(GitError) -> HubReport {
        if let published = look.published, try !store.has(published) {
            throw GitError(
                .failed(status: 0), message: "the published head is not on this device yet",
                meaning: "it comes with the next round", hint: "nothing to do")
        }
        let fence = look.fencing == .fenceRef ? try view(refs.fence) : try tokenOnBranch(refs.head)
        var report = HubReport(head: refs.head, fence: fence, published: look.published)
        report.holdsMirrored = try holds(try mirrored(look, fence), in: refs.head)
        guard let head = refs.head else {
            report.roundsBehind = try rounds(look.published, beyond: nil)
            return report
        }
        guard let published = look.published else {
            (report.bringsChanges, report.holdsPublished) = (true, true)
            return report
        }
        // Seen to be right: without a fence this device remembers it.
        if head == published {
            try store.update([RefChange(name: HubRefNames(look.address).mirrored, new: ObjectID(head))])
        }
        report.isPublished = try store.isAncestor(head, of: published)
        report.holdsPublished = try store.isAncestor(published, of: head)
        report.base = try store.mergeBase(head, published)
        if !report.isPublished { report.bringsChanges = try store.tree(of: head) != store.tree(of: report.base) }
        report.roundsBehind = try rounds(published, beyond: head)
        return report
    }

    private func view(_ fence: Revision?) throws(GitError) -> HubFenceView {
        guard let fence else { return .absent }
        guard let commit = try FenceCommit(store.commit(fence)), commit.mesh == mesh else { return .foreign(fence) }
        return .found(commit.fence(at: fence))
    }

    /// The newest token on a branch without a fence: a takeover's, or the one of a round's own commits.
    private func tokenOnBranch(_ head: Revision?) throws(GitError) -> HubFenceView {
        var next = head
        for _ in 0..<Limits.hubCommitsLookedBack {
            guard let revision = next else { return .absent }
            let record = try store.commit(revision)
            if let takeover = FenceCommit(record) {
                return takeover.mesh == mesh ? .found(takeover.fence(at: revision)) : .foreign(revision)
            }
            if let text = record.trailers("Baton-Round").last?.split(separator: "/").first,
                let token = FencingToken(text), token.epoch < Limits.largestNumber,
                token.counter < Limits.largestNumber
            {
                return .found(
                    HubFence(revision: revision, token: token, sequence: 0, device: device, mirrored: revision))
            }
            next = record.parents.first
        }
        return .absent
    }

    /// What was last mirrored: the fence says it; without one this device remembers what it saw.
    private func mirrored(_ look: HubLook, _ fence: HubFenceView) throws(GitError) -> Revision? {
        guard look.fencing == .fenceRef else { return try store.ref(HubRefNames(look.address).mirrored) }
        guard case .found(let found) = fence else { return nil }
        return found.mirrored
    }

    private func holds(_ mirrored: Revision?, in head: Revision?) throws(GitError) -> Bool {
        guard let mirrored else { return true }
        // Everything that the head reaches is here: what is not here it does not hold.
        guard let head, try store.has(mirrored) else { return false }
        return try store.isAncestor(mirrored, of: head)
    }

    /// Rounds are commits of the first parents' line.
    private func rounds(_ published: Revision?, beyond head: Revision?) throws(GitError) -> UInt32 {
        guard let published, published != head else { return 0 }
        let without = head.map { ["^\($0.hex)"] } ?? []
        let result = try store.git.runBlocking(["rev-list", "--count", "--first-parent", published.hex] + without)
        return UInt32(UserRepository.line(result.output)) ?? 0
    }
}
