/// JSON text; the fields of an object are in the order in which they were written.
struct JSONWriter {
    private(set) var text = ""
    private var needsComma = false

    mutating func begin(_ name: String? = nil) {
        if let name { key(name) }
        text += "{"
        needsComma = false
    }

    mutating func end() {
        text += "}"
        needsComma = true
    }

    mutating func array(_ name: String, _ elements: (inout JSONWriter) -> Void) {
        key(name)
        text += "["
        needsComma = false
        elements(&self)
        text += "]"
        needsComma = true
    }

    /// An object in an array.
    mutating func element(_ fields: (inout JSONWriter) -> Void) {
        if needsComma { text += "," }
        text += "{"
        needsComma = false
        fields(&self)
        end()
    }

    /// A value as it is.
    mutating func raw(_ value: String) {
        if needsComma { text += "," }
        text += value
        needsComma = true
    }

    mutating func field(_ name: String, _ number: Int) {
        key(name)
        text += String(number)
    }

    mutating func field(_ name: String, _ yes: Bool) {
        key(name)
        text += yes ? "true" : "false"
    }

    mutating func field(_ name: String, _ number: UInt64) {
        key(name)
        text += String(number)
    }

    mutating func field(_ name: String, _ value: String) {
        key(name)
        text += Self.quoted(value)
    }

    mutating func field(_ name: String, _ values: [String]) {
        key(name)
        text += "[" + values.map(Self.quoted).joined(separator: ",") + "]"
    }

    private mutating func key(_ name: String) {
        if needsComma { text += "," }
        needsComma = true
        text += Self.quoted(name) + ":"
    }

    static func quoted(_ value: String) -> String {
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
