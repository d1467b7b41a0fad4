import Primitives
import Testing

@testable import GitWorkspace

/// A device that applied a round which a recovered mesh does not have.
@Suite struct GroundTests {
    /// Both have round 1; round 2 was applied by the second alone, and the mesh went on from round 1 without it.
    private static func apart() async throws -> (mesh: MeshFixture, common: Revision, lost: Revision) {
        var mesh = try await MeshFixture(2) { number, scratch in
            guard number == 0 else { return }
            for file in ["a", "b", "c"] { try scratch.write("work/\(file)", "one\n") }
        }
        try await mesh.round()
        let common = try #require(mesh.head)
        try mesh[1].write("a", "of the lost round\n")
        try mesh[0].write("d", "of the lost round, written on the other\n")
        try await mesh.round(skipping: [0])
        let lost = try #require(mesh.head)
        #expect(await mesh[1].workspace.base == lost)
        #expect(await mesh[0].workspace.base == common)
        mesh.head = common
        try await mesh[0].workspace.publishedHead(common)
        mesh.counter += 10
        return (mesh, common, lost)
    }

    @Test func `RC3 what the lost round brought is a change again, and is merged with what came since`() async throws {
        var (mesh, common, lost) = try await Self.apart()
        try mesh[0].write("b", "since\n")
        try mesh[1].write("c", "never synced\n")
        #expect(try await mesh[1].workspace.ground(onto: common) == common)
        #expect(await mesh[1].workspace.base == common)
        #expect(try mesh[1].read("a") == "of the lost round\n", "no file is touched")
        let report = try await mesh.round()
        #expect(report.merge.conflicts.isEmpty)
        for device in mesh.devices {
            #expect(try device.read("a") == "of the lost round\n")
            #expect(try device.read("b") == "since\n")
            #expect(try device.read("c") == "never synced\n")
            #expect(try device.read("d") == "of the lost round, written on the other\n")
            #expect(try await device.userGit("status", "--porcelain").isEmpty)
        }
        let trees = try mesh.trees()
        #expect(trees[0] == trees[1])
        let head = try #require(mesh.head)
        #expect(await mesh[1].workspace.precedes(lost, head), "the lost round is in the history")
    }

    @Test func `RC3 without that a lost round would be undone by the next one`() async throws {
        var (mesh, _, _) = try await Self.apart()
        try mesh[0].write("b", "since\n")
        try await mesh.round()
        #expect(try mesh[1].read("a") == "one\n", "the fixture shows what the grounding is for")
    }

    /// The recovered device's log held a publication that no quorum had, and it went on from there: neither of the two
    /// heads comes after the other.
    @Test func `RC3 two heads after one are told by where they part`() async throws {
        var (mesh, common, lost) = try await Self.apart()
        let theirs = try await mesh[0].published(over: common, file: "b", "of a round that nobody else had\n")
        try await mesh.transfer(theirs, from: 0, to: 1)
        #expect(await !mesh[1].workspace.precedes(theirs, lost))
        #expect(try await mesh[1].workspace.ground(onto: theirs) == common)
        mesh.head = theirs
        let report = try await mesh.round()
        #expect(report.merge.conflicts.isEmpty)
        for device in mesh.devices {
            #expect(try device.read("a") == "of the lost round\n")
            #expect(try device.read("b") == "of a round that nobody else had\n")
        }
    }

    @Test func `RC3 it may be asked again, and a base that is in common stays`() async throws {
        let (mesh, common, lost) = try await Self.apart()
        await #expect(throws: WorkspaceError.self) {
            try await mesh[1].workspace.ground(onto: Revision(number: 77))
        }
        #expect(await mesh[1].workspace.base == lost, "a head that is not here says nothing")
        #expect(try await mesh[1].workspace.ground(onto: lost) == lost)
        #expect(try await mesh[0].workspace.ground(onto: lost) == common, "it is behind")
        #expect(try await mesh[1].workspace.ground(onto: common) == common)
        #expect(try await mesh[1].workspace.ground(onto: common) == common)
        let store = mesh[1].workspace.store
        #expect(try store.ref(RefName.capture(ObjectID(lost))) == lost, "the old base is pinned")
        let again = try await MeshFixture.open(mesh[1].scratch, number: 1)
        #expect(await again.workspace.base == common)
    }

    @Test func `RC3 with no round in common every file is a change`() async throws {
        let (mesh, _, _) = try await Self.apart()
        #expect(try await mesh[1].workspace.ground(onto: nil) == nil)
        guard
            case .captured(_, let base, let files, _) = try await mesh[1].workspace.capture(
                round: RoundID(token: FencingToken(epoch: 2, counter: 1), sequence: 1))
        else {
            Issue.record("nothing was captured")
            return
        }
        #expect(base == nil && files == 4)
    }

    @Test func `what a recovery goes on from is whole here`() async throws {
        let (mesh, common, lost) = try await Self.apart()
        #expect(await mesh[1].workspace.holds(lost))
        #expect(await mesh[1].workspace.publishedBase() == lost)
        #expect(await mesh[0].workspace.precedes(common, lost))
        #expect(await !mesh[0].workspace.precedes(lost, common))
        #expect(await !mesh[0].workspace.holds(Revision(number: 77)))
    }
}

extension MeshFixture.Device {
    /// A round of this device alone that nobody applied.
    fileprivate func published(over head: Revision, file: String, _ text: String) async throws -> Revision {
        try write(file, text)
        let round = RoundID(token: FencingToken(epoch: 1, counter: 90), sequence: 1)
        guard case .captured(let revision, let base, _, _) = try await workspace.capture(round: round) else {
            Issue.record("nothing was captured")
            return head
        }
        let capture = DeviceCapture(device: workspace.device, revision: revision, base: base)
        let merged = try await workspace.merge(head: head, captures: [capture], round: round)
        try await workspace.stage(merged.revision, round: round)
        return merged.revision
    }
}
