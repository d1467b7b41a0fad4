import Glibc
import Primitives

/// What a hub can do, as it was tried out, and what stands there.
package struct HubProbe: Hashable, Sendable {
    /// Several refs move together or not at all.
    package var isAtomic = false
    /// Refs that are no branches and no tags are taken.
    package var takesOwnRefs = false
    /// What was pushed is read back.
    package var isReadBack = false
    /// Of the branch; nil if there is none.
    package var head: Revision?
    package var fence: HubFenceView = .absent
    package var relation: HubRelation = .empty
    /// What the user's own git would make of the URL, if anything else.
    package var rewritten: String?
    /// What the hub said of the first try that it refused.
    package var refusal: String?

    package var fencing: HubFencing { isAtomic && takesOwnRefs && isReadBack ? .fenceRef : .branchAlone }

    package init() {}
}

/// How a hub's branch and what the mesh published are related.
package enum HubRelation: String, Hashable, Sendable, CaseIterable {
    /// One of the two holds nothing yet.
    case empty
    case same
    /// The mesh has more.
    case behind
    /// The hub has more.
    case ahead
    /// Both have.
    case diverged
    /// Nothing in common.
    case unrelated
}

/// Tries out a hub with refs of its own, which are removed again.
struct HubProbing {
    let hub: HubGit
    let mesh: MeshID
    let device: DeviceID
    let cancellation: Cancellation

    private var store: Store { hub.store }

    func run(_ published: Revision?) throws(GitError) -> HubProbe {
        let reading = HubReading(hub: hub, cancellation: cancellation)
        var probe = HubProbe()
        probe.rewritten = UserGitSettings.read(store.installation).rewritten(hub.address.url)
        let refs = try reading.refs(withFence: true)
        let look = HubLook(address: hub.address, fencing: .fenceRef, published: published)
        let report = try HubLooking(store: store, mesh: mesh, device: device).report(look, refs)
        (probe.head, probe.fence, probe.relation) = (refs.head, report.fence, Self.relation(report))
        try tryOut(&probe, reading)
        return probe
    }

    private static func relation(_ report: HubReport) -> HubRelation {
        guard report.head != nil, report.published != nil else { return .empty }
        if report.isPublished { return report.holdsPublished ? .same : .behind }
        if report.holdsPublished { return .ahead }
        return report.base == nil ? .unrelated : .diverged
    }

    private func tryOut(_ probe: inout HubProbe, _ reading: HubReading) throws(GitError) {
        let nonce = FenceCommit.freshNonce()
        let commit = FenceCommit(
            mesh: mesh, token: .none, sequence: 0, device: device, mirrored: nil, nonce: nonce)
        let names = ["a", "b"].map { ProbeRef(nonce: nonce, part: $0) }
        let batch = ObjectBatch(store)
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: batch.add(tree: []), parents: [], author: "Baton", email: "baton@localhost",
                seconds: Int64(time(nil)), message: commit.message("Baton tries out a hub")))
        try batch.finish(refs: [RefChange(name: hub.names.pushing, new: ObjectID(revision))])
        let both = try push(["--atomic"], names, revision)
        probe.isAtomic = both == nil
        probe.takesOwnRefs = both == nil
        if let both {
            let one = try push([], Array(names.prefix(1)), revision)
            probe.takesOwnRefs = one == nil
            probe.refusal = one ?? both
        }
        guard probe.takesOwnRefs else { return }
        let there = try reading.listed().filter { line in names.contains { $0.description == line.name } }
        probe.isReadBack = !there.isEmpty && there.allSatisfy { $0.id.revision == revision }
        let left = names.filter { name in there.contains { $0.name == name.description } }
        guard !left.isEmpty else { return }
        // A hub that takes no deletions keeps two small refs.
        _ = try hub.push([hub.address.url] + left.map { ":\($0)" }, cancellation)
    }

    /// Nil if it was done, else why not, in the hub's or in git's words.
    private func push(_ how: [String], _ names: [ProbeRef], _ revision: Revision) throws(GitError) -> String? {
        let result = try hub.push(
            how + [hub.address.url] + names.map { "\(revision.hex):\($0)" }, cancellation)
        if result.status == 0 { return nil }
        let answer = PushAnswer(result.output)
        return answer.isRefusal ? answer.reason : result.errors
    }
}

/// The only refs of a hub that are ever deleted.
private struct ProbeRef: CustomStringConvertible {
    let nonce: String
    let part: String
    var description: String { "\(RefName.prefix)probe/\(nonce)-\(part)" }
}
