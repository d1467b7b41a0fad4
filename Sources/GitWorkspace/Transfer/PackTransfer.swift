import Glibc
import Primitives

/// Objects from store to store over one stream, without negotiation: the sender is told what is wanted and what the
/// receiver has, and answers with one pack. Blocking; the descriptor (a socket) stays open on our side.
///
/// A round's pack is small: it is made, sent, received and checked here, without a process. Whatever is not plain and
/// small (long histories, large files, deltas, damage) goes through git.
struct PackTransfer {
    let store: Store
    let cancellation: Cancellation
    let deadline: Duration

    /// More than any pack of a workspace that is supported.
    static let packBytes = 64 << 30
    /// Of the objects of a pack that is made here, unpacked: above it deltas are worth a process.
    static let plainBytes = 512 << 10
    /// The same for a pack that does not travel.
    static let localBytes = 16 << 20

    /// Writes the pack of what `want` needs beyond `have`. What the receiver claims to have and we do not know is
    /// passed over. Refuses a revision that none of our refs reaches.
    func send(want: Revision, have: [Revision], to descriptor: Int32) throws(GitError) {
        try checkOffered(want)
        var objects = RevisionObjects(store, bytesAllowed: Self.plainBytes)
        if try objects.collect(want, beyond: have) {
            return try StreamBytes(descriptor, cancellation, deadline: deadline).send(objects.pack().bytes())
        }
        var request = want.hex + "\n"
        for revision in have where try store.has(revision) { request += "^\(revision.hex)\n" }
        _ = try store.git.runBlocking(
            ["pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "--quiet"],
            from: .bytes(Array(request.utf8)), to: .descriptor(descriptor), deadline: deadline,
            cancellation: cancellation)
    }

    /// The usual refs are looked at one by one, which costs no process.
    private func checkOffered(_ want: Revision) throws(GitError) {
        var names = [RefName.main, RefName.base]
        for folder in [RefName.stagedPrefix, RefName.devices] {
            names += DurableFile.names(in: "\(store.path)/\(folder)").map { folder + $0 }
        }
        for name in names where try store.ref(name) == want { return }
        guard try store.has(want) else { throw refusal(want) }
        let result = try store.git.runBlocking(
            ["for-each-ref", "--count=1", "--format=%(objectname)", "--contains=\(want.hex)", RefName.prefix],
            accepting: [0, 128, 129])
        if result.status != 0 || result.output.isEmpty { throw refusal(want) }
    }

    private func refusal(_ want: Revision) -> GitError {
        GitError(
            .failed(status: 0), message: "revision \(want.short) is not offered",
            meaning: "no ref of this device reaches it", hint: "the peer asks again with the next round")
    }

    /// Reads one pack and takes it into the store, if it is whole: every object hashes to its id and passes git's
    /// checks, and everything that `want` reaches is there. Otherwise the store is as it was.
    /// - Parameter device: whose newest capture it is; gets that ref.
    func receive(want: Revision, from descriptor: Int32, captureOf device: DeviceID? = nil) throws(GitError) {
        let pins = try pins(want, captureOf: device)
        guard let input = try receivePlain(want, from: descriptor, pins) else { return }
        let quarantine = try Quarantine(store)
        defer { quarantine.remove() }
        _ = try quarantine.git.runBlocking(
            [
                "index-pack", "--stdin", "--fix-thin", "--strict=\(GitEnvironment.toleratedFlaws)",
                "--max-input-size=\(Self.packBytes)",
            ], from: input, deadline: deadline, cancellation: cancellation)
        try adopt(quarantine, want: want)
        try store.update(pins)
    }

    /// Nil if it was taken; else what git has to look at.
    private func receivePlain(
        _ want: Revision, from descriptor: Int32, _ pins: [RefChange]
    ) throws(GitError) -> GitInput? {
        let stream = StreamBytes(descriptor, cancellation, deadline: deadline)
        var reading = PackReading(digits: store.digits)
        while true {
            let bytes = try stream.receive()
            switch try reading.take(bytes ?? []) {
            case .more where bytes != nil: continue
            case .whole:
                var receipt = PackReceipt(store, reading.objects)
                return try receipt.adopt(want, refs: pins) ? nil : .bytes(reading.buffer)
            case .leftToGit where bytes != nil: return .resumed(reading.buffer, from: descriptor)
            case .more, .leftToGit: return .bytes(reading.buffer)
            }
        }
    }

    /// Verifies a quarantine against a wanted commit and moves it into the store.
    func adopt(_ quarantine: Quarantine, want: Revision) throws(GitError) {
        let check = try quarantine.git.runBlocking(
            ["rev-list", "--objects", "--quiet", "\(want.hex)^{commit}", "--not", "--glob=\(RefName.prefix)*"],
            accepting: [0, 1, 128], deadline: deadline, cancellation: cancellation)
        guard check.status == 0 else { throw incomplete(want) }
        try quarantine.adoptPacks()
    }

    private func incomplete(_ want: Revision) -> GitError {
        GitError(
            .damaged, message: "what was received for \(want.short) is incomplete",
            meaning: "the sender left objects out, or the stream was cut", hint: "it is fetched again")
    }
}
