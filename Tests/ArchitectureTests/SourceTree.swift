import Foundation

/// One Swift file of `Sources` or `Tests`, cut into tokens.
struct SourceFile: Sendable {
    /// From the root: `Sources/Locks/LockTable.swift`.
    let path: String
    let lines: [Substring]
    let tokens: [Token]
    let comments: [SourceComment]
    let functions: [FunctionBody]
    let switches: [SwitchBody]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let lexed = SwiftTokens(text)
        tokens = lexed.tokens
        comments = lexed.comments
        functions = FunctionBody.all(in: tokens)
        switches = SwitchBody.all(in: tokens)
    }

    /// `Sources` or `Tests`.
    var root: Substring { path.prefix { $0 != "/" } }
    /// The folder below that: the target.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    var isGenerated: Bool { path.hasSuffix(".pb.swift") }
    var isSource: Bool { root == "Sources" }
    /// Lines, not counting the empty piece after the last line feed.
    var lineCount: Int { lines.last?.isEmpty == true ? lines.count - 1 : lines.count }
}

/// Any other text file of the repository.
struct TextFile: Sendable {
    let path: String
    let lines: [Substring]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }
}

/// Everything the rules look at. Generated Swift is among `texts` only.
struct SourceTree: Sendable {
    var files: [SourceFile] = []
    var texts: [TextFile] = []

    var sources: [SourceFile] { files.filter(\.isSource) }
    func text(_ path: String) -> TextFile? { texts.first { $0.path == path } }

    /// A small tree for a test of a rule.
    init(_ contents: [String: String]) {
        for (path, text) in contents.sorted(by: { $0.key < $1.key }) { add(path, text) }
    }

    private mutating func add(_ path: String, _ text: String) {
        texts.append(TextFile(path: path, text: text))
        let isCode = path.hasPrefix("Sources/") || path.hasPrefix("Tests/")
        guard isCode, path.hasSuffix(".swift"), !path.hasSuffix(".pb.swift") else { return }
        files.append(SourceFile(path: path, text: text))
    }
}

extension SourceTree {
    /// The repository that this file was compiled from.
    static let repository = SourceTree(root: #filePath)

    /// What git ignores, and git itself.
    private static let ignored = [".git", ".build", ".swiftpm", "Package.resolved"]

    private init(root file: String) {
        let root = URL(fileURLWithPath: file).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        for path in Self.paths(below: root.path) {
            guard let bytes = FileManager.default.contents(atPath: root.path + "/" + path), !bytes.contains(0) else {
                continue
            }
            add(path, String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func paths(below folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { !ignored.contains($0) }.sorted().flatMap { name -> [String] in
            let attributes = try? FileManager.default.attributesOfItem(atPath: folder + "/" + name)
            switch attributes?[.type] as? FileAttributeType {
            case FileAttributeType.typeDirectory: return paths(below: folder + "/" + name).map { name + "/" + $0 }
            case FileAttributeType.typeRegular: return [name]
            default: return []
            }
        }
    }
}
