import Glibc
import Primitives

/// Commits of the user's own repository, copied into our store. Nothing is written there, and no object is shared: a
/// `git gc` in either repository cannot harm the other.
struct UserHistory {
    let store: Store
    /// The user's repository (`.git`, or what a linked worktree's file names).
    let directory: String

    /// Copies `head` and its history. False if that history is not whole (a shallow or partial clone).
    func copy(_ head: Revision, known: [Revision]) throws(GitError) -> Bool {
        if try store.has(head) { return true }
        if isCut { return false }
        let user = store.gitOfUser(directory: directory)
        var request = head.hex + "\n"
        if !known.isEmpty {
            let names = known.map { "\($0.hex)\n" }.joined()
            let present = try user.runBlocking(["cat-file", "--batch-check"], from: .bytes(Array(names.utf8)))
            for line in present.output.split(separator: 10) {
                let words = line.split(separator: 32)
                guard words.count == 3, words[1].elementsEqual("commit".utf8) else { continue }
                request += "^" + String(decoding: words[0], as: UTF8.self) + "\n"
            }
        }
        let quarantine = try Quarantine(store)
        defer { quarantine.remove() }
        try pipe(from: user, request: request, into: quarantine)
        let transfer = PackTransfer(store: store, cancellation: Cancellation(), deadline: Limits.gitDeadline)
        do throws(GitError) { try transfer.adopt(quarantine, want: head) } catch {
            if error.kind == .damaged { return false }
            throw error
        }
        return true
    }

    /// The beginning of the history, or some of its objects, are elsewhere.
    private var isCut: Bool {
        let common = DurableFile.read(directory + "/commondir").map(UserRepository.line)
        let shared = common.map { $0.hasPrefix("/") ? $0 : "\(directory)/\($0)" } ?? directory
        // Cut where our own store is cut, nothing is missing.
        let ends = (DurableFile.read(shared + "/shallow") ?? []).split(separator: 10)
        let isOurs = ends.allSatisfy { end in
            guard let revision = ObjectID(bytes: end)?.revision else { return false }
            return (try? store.has(revision)) ?? false
        }
        if !isOurs { return true }
        return DurableFile.names(in: shared + "/objects/pack").contains { $0.hasSuffix(".promisor") }
    }

    private func pipe(from user: HermeticGit, request: String, into quarantine: Quarantine) throws(GitError) {
        let question = try Pipe()
        let pack: Pipe
        do throws(GitError) { pack = try Pipe() } catch {
            question.closeBoth()
            throw error
        }
        // A request is a handful of lines, far below what a pipe holds.
        let bytes = Array(request.utf8)
        _ = bytes.withUnsafeBytes { write(question.write, $0.baseAddress, $0.count) }
        close(question.write)
        defer { close(pack.read) }
        let sender = try start(user, from: question, to: pack)
        do throws(GitError) {
            _ = try quarantine.git.runBlocking(
                ["index-pack", "--stdin", "--strict=\(GitEnvironment.toleratedFlaws)", "--fix-thin"],
                from: .descriptor(pack.read))
        } catch {
            sender.kill()
            throw error
        }
        _ = sender.finish(until: .now + Limits.gitDeadline)
    }

    /// Starts the sending side; the ends that are its own are closed here, so that a broken stream is seen as one.
    private func start(_ user: HermeticGit, from question: Pipe, to pack: Pipe) throws(GitError) -> Child {
        defer {
            close(question.read)
            close(pack.write)
        }
        return try user.start(
            ["pack-objects", "--revs", "--stdout", "--delta-base-offset", "--quiet"],
            descriptors: [question.read, pack.write, Pipe.null])
    }
}
