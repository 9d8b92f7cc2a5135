import { Field, ID, ObjectType, registerEnumType } from '@nestjs/graphql';

export enum Role {
  member = 'member',
  admin = 'admin',
}

registerEnumType(Role, { name: 'Role' });

@ObjectType()
export class User {
  @Field(() => ID)
  readonly id!: string;

  @Field(() => String)
  readonly name!: string;

  @Field(() => Role)
  readonly role!: Role;
}
