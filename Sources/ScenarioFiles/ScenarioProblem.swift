/// What is wrong with a scenario file, and where. Lines and columns count from 1.
package struct ScenarioProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var column: Int
    package var message: String
    package var hint: String?

    package init(file: String, line: Int, column: Int, _ message: String, hint: String? = nil) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.hint = hint
    }

    /// `file:line:column: message; hint`, one line.
    package var description: String { "\(file):\(line):\(column): \(message)" + (hint.map { "; \($0)" } ?? "") }
}
