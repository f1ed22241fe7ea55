// The records, errors and objects of the core, under the one name that apps import.
@_exported import NorenGenerated
