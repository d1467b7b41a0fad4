import Primitives
import Testing

@testable import GitWorkspace

/// A folder that a later commit brings back to what it was: one tree, of two commits with other parents.
struct RevertedTreeTests {
    private let round = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 1)
    private let old = RoundStore.File(path: "folder/old", bytes: Array("old\n".utf8))
    private let new = RoundStore.File(path: "folder/new", bytes: Array("new\n".utf8))

    /// One file, then two, then the one again.
    private func history(_ store: RoundStore) throws -> Revision {
        let first = try store.capture([old], gone: [], base: nil, round: round, seconds: 1_767_225_600)
        let second = try store.capture([old, new], gone: [], base: first, round: round, seconds: 1_767_225_601)
        return try store.capture([old], gone: [new.path], base: second, round: round, seconds: 1_767_225_602)
    }

    @Test func `D1 a history that goes back to an older tree arrives with all its files`() throws {
        let folder = try RoundStore.temporaryFolder()
        defer { RoundStore.removeFolder(folder) }
        let near = try RoundStore.open(state: folder + "/1", device: DeviceID(number: 1))
        let far = try RoundStore.open(state: folder + "/2", device: DeviceID(number: 2))
        defer {
            near.close()
            far.close()
        }
        let want = try history(near)
        try far.receive(near.pack(want: want, have: []), want: want, captureOf: near.device)
        #expect(try far.complaint() == nil)
        #expect(try far.files(of: want) == [old])
    }

    @Test func `D1 a pack without a file of the older tree is not taken for whole`() throws {
        let folder = try RoundStore.temporaryFolder()
        defer { RoundStore.removeFolder(folder) }
        let near = try RoundStore.open(state: folder + "/1", device: DeviceID(number: 1))
        let far = try RoundStore.open(state: folder + "/2", device: DeviceID(number: 2))
        defer {
            near.close()
            far.close()
        }
        let want = try history(near)
        var objects = RevisionObjects(near.store, bytesAllowed: 1 << 20)
        #expect(try objects.collect(want, beyond: []))
        var short = PackFile(digits: 40)
        for item in objects.found where item.object.bytes != old.bytes { try short.add(item.id, item.object) }
        let bytes = try short.bytes()
        #expect(throws: GitError.self) { try far.receive(bytes, want: want, captureOf: near.device) }
        #expect(try far.everyRef().isEmpty)
        #expect(try !far.has(want))
    }
}
