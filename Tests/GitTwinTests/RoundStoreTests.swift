import GitWorkspace
import Primitives
import Testing

/// The store that the twin drives.
struct RoundStoreTests {
    private let round = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 1)

    @Test func `a stream that is cut anywhere leaves no ref moved, no commit and no file`() throws {
        let folder = try RoundStore.temporaryFolder()
        defer { RoundStore.removeFolder(folder) }
        let near = try RoundStore.open(state: folder + "/1", device: DeviceID(number: 1))
        let far = try RoundStore.open(state: folder + "/2", device: DeviceID(number: 2))
        defer {
            near.close()
            far.close()
        }
        let files = (0..<20).map { RoundStore.File(path: "a/\($0)", bytes: Array("line \($0)\n".utf8)) }
        let want = try near.capture(files, gone: [], base: nil, round: round, seconds: 1_767_225_600)
        let pack = try near.pack(want: want, have: far.haves())
        for length in [0, 1, 11, 12, 40, pack.count / 2, pack.count - 20, pack.count - 1] {
            #expect(throws: GitError.self) {
                try far.receive(Array(pack.prefix(length)), want: want, captureOf: near.device)
            }
            #expect(try far.everyRef().isEmpty)
            #expect(try !far.has(want))
            #expect(far.leftovers.isEmpty)
        }
        try far.receive(pack, want: want, captureOf: near.device)
        #expect(try far.everyRef() == near.everyRef())
        #expect(try Set(far.files(of: want)) == Set(files))
        #expect(try far.complaint() == nil)
    }
}
