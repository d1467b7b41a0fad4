import Glibc
import Primitives

/// Carries objects from our store into the user's repository as one pack, without a fetch: no negotiation, no
/// `FETCH_HEAD`, no tags, no alternates (a gc on either side would break the other).
struct ObjectTransfer {
    let repository: UserRepository
    let store: String

    private static let keepText = "baton fast-forward"

    /// Brings everything that `revision` needs beyond `known`.
    /// - Returns: the path of a `.keep` file that guards the new pack from the user's gc, to be removed once a branch
    ///   names the revision; nil if nothing was missing.
    func bring(_ revision: Revision, without known: Revision?, _ looks: QuickLooks? = nil) async throws(GitError)
        -> String?
    {
        if let looks {
            let folder = repository.objectDirectory + "/pack"
            let name = try await BlockingThread.run { _ throws(GitError) -> String? in
                guard let pack = try looks.pack(revision, known) else { return nil }
                return pack.count == 0 ? "" : try pack.write(into: folder, keep: Self.keepText)
            }
            if let name { return name.isEmpty ? nil : name + ".keep" }
        }
        let path = repository.scratch + "/objects.pack"
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw DurableFile.failure(path) }
        defer {
            close(file)
            unlink(path)
        }
        guard try await pack(revision, without: known, into: file) > 0 else { return nil }
        let result = try await index(file)
        let words = UserRepository.line(result.output).split(whereSeparator: { $0 == "\t" || $0 == " " })
        // `keep <id>`, or `pack <id>` when the same pack was there with a keep file of the user's.
        guard words.count == 2, words[0] == "keep" else { return nil }
        return "\(repository.objectDirectory)/pack/pack-\(words[1]).keep"
    }

    /// A `gc --prune=now` of the user takes the unfinished pack of a moment ago away: then once more.
    private func index(_ file: Int32) async throws(GitError) -> GitResult {
        var tries = 1
        while true {
            lseek(file, 0, SEEK_SET)
            do throws(GitError) {
                return try await repository.git.run(
                    ["index-pack", "--stdin", "--keep=\(Self.keepText)"], from: .descriptor(file), to: .collect)
            } catch {
                guard tries < Limits.packTries else { throw error }
                tries += 1
            }
        }
    }

    /// The number of objects.
    private func pack(
        _ revision: Revision, without known: Revision?, into file: Int32
    ) async throws(GitError) -> UInt32 {
        let ours = HermeticGit(installation: repository.git.installation, gitDirectory: store)
        var wanted = "\(revision.hex)\n"
        if let known { wanted += "^\(known.hex)\n" }
        let list = repository.scratch + "/objects.list"
        try DurableFile.write(Array(wanted.utf8), to: list, synced: false)
        defer { unlink(list) }
        let input = open(list, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw DurableFile.failure(list) }
        defer { close(input) }
        _ = try await ours.run(
            ["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"], from: .descriptor(input),
            to: .descriptor(file))
        var header = [UInt8](repeating: 0, count: 12)
        guard pread(file, &header, 12, 0) == 12, header.starts(with: Array("PACK".utf8)) else {
            throw GitError.damaged("git pack-objects gave no pack")
        }
        return header[8...].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Removes the guards and the unfinished packs that a crash left. What another process of ours writes at this
    /// moment, for another working tree of the same repository, stays.
    static func dropLeftovers(_ objects: String) {
        let folder = objects + "/pack"
        for name in DurableFile.names(in: folder) {
            let path = "\(folder)/\(name)"
            if name.hasSuffix(".keep") || name.hasSuffix(".keep.new") {
                let text = DurableFile.read(path).map(UserRepository.line)
                if text == keepText || name.hasSuffix(".new") { unlink(path) }
            } else if let writer = PackFile.writer(ofDraft: name), kill(writer, 0) != 0, errno == ESRCH {
                unlink(path)
            }
        }
    }
}
