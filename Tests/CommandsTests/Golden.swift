import Foundation
import Testing

/// Texts kept under `golden`: what the program prints, reviewed as a diff. REWRITE=1 writes them anew.
enum Golden {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "golden")

    static func check(_ name: String, _ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let file = folder.appendingPathComponent(name + ".txt")
        let text = text.hasSuffix("\n") ? text : text + "\n"
        if ProcessInfo.processInfo.environment["REWRITE"] == "1" {
            try Data(text.utf8).write(to: file)
            return
        }
        let kept = try String(decoding: Data(contentsOf: file), as: UTF8.self)
        guard kept != text else { return }
        Issue.record("\(name) is not as kept (REWRITE=1 keeps this):\n\(text)", sourceLocation: sourceLocation)
    }
}
