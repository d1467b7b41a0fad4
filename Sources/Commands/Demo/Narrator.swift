import Primitives
import Synchronization

/// What the demonstration says: a line as something happens, with the time since the beginning.
final class Narrator: Sendable {
    private let console: Console
    private let watch = Stopwatch()
    private let checked = Mutex(0)

    init(_ console: Console) { self.console = console }

    var elapsed: Duration { watch.elapsed }
    /// How many claims were checked.
    var claims: Int { checked.withLock { $0 } }

    /// A new act.
    func title(_ text: String) { console.out("\n" + style.paint(text, .bold)) }

    /// Something happens.
    func say(_ text: String) { console.out("\(time)   \(Escaping.shown(text))") }

    /// What a user would type.
    func type(_ command: String) { console.out("\(time)   " + style.paint("$ " + Escaping.shown(command), .cyan)) }

    /// Something that was checked, or the end of the demonstration.
    func claim(_ text: String, if holds: Bool, else why: @autoclosure () -> String) throws {
        guard holds else { throw DemoFailure("this should be so, and is not: \(text) (\(why()))") }
        checked.withLock { $0 += 1 }
        console.out("\(time) " + style.paint(style.symbol("✓", ascii: "+"), .green) + " " + Escaping.shown(text))
    }

    /// Lines of another command, as it wrote them.
    func quote(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) { console.out("           " + line) }
    }

    func plain(_ text: String) { console.out(text) }

    func fail(_ text: String) {
        console.out("\(time) " + style.paint(style.symbol("✗", ascii: "x"), .red) + " " + Escaping.shown(text))
    }

    func note(_ text: String) { console.out("           \(Escaping.shown(text))") }

    private var style: Style { console.style }

    private var time: String {
        let tenths = watch.elapsed.wholeMilliseconds / 100
        let text = "\(tenths / 10).\(tenths % 10)"
        return style.paint("[" + String(repeating: " ", count: max(0, 4 - text.count)) + text + " s]", .dim)
    }
}
