import GitWorkspace

/// The model's paths and versions as files: one line each, so that two versions never merge line by line; in a few
/// folders, so that trees of trees are made, compared and sent.
enum TwinFiles {
    static let folders = 3

    static func path(_ number: Int) -> String { "folder-\(number % folders)/file-\(number)" }

    /// The files there are, in git's order.
    static func files(_ versions: [UInt32]) -> [RoundStore.File] {
        var files: [RoundStore.File] = []
        for path in versions.indices where versions[path] != 0 {
            let line = "path \(path), version \(versions[path])\n"
            files.append(RoundStore.File(path: Self.path(path), bytes: Array(line.utf8)))
        }
        return files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    static func gone(_ versions: [UInt32]) -> [String] {
        versions.indices.filter { versions[$0] == 0 }.map(path)
    }

    static func text(_ path: String, in files: [RoundStore.File]) -> String {
        guard let file = files.first(where: { $0.path == path }) else { return "no file" }
        return "'\(String(decoding: file.bytes.filter { $0 != 10 }, as: UTF8.self))'"
    }
}
