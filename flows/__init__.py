"""What a conversation is: model, engine, parsers, schema. Pure; imports nothing of ours. Import flows.model, flows.engine, flows.schema from anywhere."""
