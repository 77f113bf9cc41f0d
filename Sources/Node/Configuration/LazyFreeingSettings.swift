import Keyspace

extension LazyFreeing {
    /// What the settings want to be freed in the background; UNLINK's values always are.
    init(_ values: Values) {
        var causes: LazyFreeing = .unlink
        if values.flag("lazyfree-lazy-user-del") { causes.insert(.deletion) }
        if values.flag("lazyfree-lazy-expire") { causes.insert(.expiry) }
        if values.flag("lazyfree-lazy-eviction") { causes.insert(.eviction) }
        if values.flag("lazyfree-lazy-server-del") { causes.insert(.replacement) }
        if values.flag("lazyfree-lazy-user-flush") { causes.insert(.flush) }
        self = causes
    }
}
